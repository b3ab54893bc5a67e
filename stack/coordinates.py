"""Coordinates of jars as text, and the Ivy file that asks for them: all pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr


@dataclass(frozen=True, order=True)
class Jar:
    """One jar on one class path.

    `folder` is the class path, relative to the cache. `alone` leaves out what the jar's POM asks for.
    """

    folder: str
    group: str
    artifact: str
    version: str
    classifier: str = ""
    sha256: str = ""
    alone: bool = False

    @property
    def coordinate(self) -> str:
        """`group:artifact:version[:classifier]`."""
        return ":".join(filter(None, (self.group, self.artifact, self.version, self.classifier)))

    @property
    def name(self) -> str:
        """The file's name, which repeats the group: two groups may use one artifact name."""
        return f"{self.coordinate.replace(':', '~')}.jar"

    @property
    def line(self) -> str:
        """How `jars.lock` writes it."""
        return f"{self.folder} {self.coordinate} {self.sha256}"


def parse(text: str) -> list[Jar]:
    """Read `jars.lock` or `jars.roots`.

    Raises:
        ValueError: A line has another shape.
    """
    return [_jar(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _jar(line: str) -> Jar:
    folder, coordinate, *sha256 = line.split()
    parts = coordinate.removesuffix("@jar").split(":")
    if len(parts) not in (3, 4) or len(sha256) > 1:
        raise ValueError(f"not a jar: {line}")
    group, artifact, version, *classifier = parts
    return Jar(folder, group, artifact, version, "".join(classifier), "".join(sha256), coordinate.endswith("@jar"))


def configuration(folder: str) -> str:
    """The name that Ivy knows a class path by, which may not hold a slash."""
    return folder.replace("/", "-")


def ivy(jars: Sequence[Jar], *, locked: bool) -> str:
    """The Ivy file that asks for these jars and, unless locked, for what they need."""
    folders = sorted({configuration(jar.folder) for jar in jars})
    return "\n".join(
        [
            '<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">',
            '<info organisation="headrace" module="stack"/>',
            "<configurations>",
            *(f"<conf name={quoteattr(name)}/>" for name in folders),
            "</configurations><dependencies>",
            *(_dependency(jar, locked=locked) for jar in jars),
            "</dependencies></ivy-module>",
        ]
    )


def _dependency(jar: Jar, *, locked: bool) -> str:
    alone = locked or jar.alone
    wanted = "*" if locked else "master" if jar.alone else "default"
    where = quoteattr(f"{configuration(jar.folder)}->{wanted}")
    classifier = f" m:classifier={quoteattr(jar.classifier)}" if jar.classifier else ""
    artifact = f'<artifact name={quoteattr(jar.artifact)} type="jar" ext="jar"{classifier}/>'
    return (
        f"<dependency org={quoteattr(jar.group)} name={quoteattr(jar.artifact)} rev={quoteattr(jar.version)}"
        f' conf={where} transitive="{str(not alone).lower()}">{artifact if locked else ""}</dependency>'
    )


def lock_text(jars: Iterable[Jar]) -> str:
    """What `jars.lock` holds."""
    head = "# Made from jars.roots by `make lock`: class path, group:artifact:version[:classifier], sha256.\n"
    return head + "".join(f"{jar.line}\n" for jar in sorted(jars))
