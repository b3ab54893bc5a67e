"""Where `headrace` begins: what the shell asks at each TAB must not wait for what only commands need."""

import sys


def main() -> None:
    """Answer the shell, or run what the arguments name."""
    if sys.argv[1:2] == ["__complete"]:
        from jobs import completion  # noqa: PLC0415

        completion.answer(sys.argv[2:])
        return
    from jobs import cli  # noqa: PLC0415

    cli.main()


if __name__ == "__main__":
    main()
