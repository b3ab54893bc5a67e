"""OpenID Connect: whose token it is, if the issuer signed it for us."""
# pyjwt types what it reads as Any:
# pyright: reportUnknownMemberType=false

from functools import cached_property
from typing import Any

import httpx
import jwt
from jwt import PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWKClientError, PyJWTError

from jobs.errors import JobError

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a private key; never `none`, nor one that the public key could make (HS256)."""

LEEWAY = 30
"""How far the issuer's clock may be from ours, in seconds."""

PATIENCE = 5.0
"""How long the issuer may take to answer, in seconds."""


class TokenError(Exception):
    """A token that is not believed."""


class Tokens:
    """Believes the tokens of one issuer.

    Args:
        issuer: Its address, as its tokens say it.
        audience: For whom tokens must be meant.
        jwks_url: Where its public keys are; asked of the issuer when empty.
    """

    def __init__(self, issuer: str, audience: str, jwks_url: str = "") -> None:
        self.issuer, self.audience, self.jwks_url = issuer, audience, jwks_url

    def who(self, token: str) -> str:
        """The subject of a token.

        Raises:
            TokenError: It is not the issuer's, not for us, not signed as it should be, or too old.
            JobError: The issuer does not say what its keys are.
        """
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except PyJWKClientConnectionError as error:
            raise JobError(f"the issuer {self.issuer} does not say what its keys are", hint="OIDC_JWKS_URL") from error
        except (PyJWTError, PyJWKClientError) as error:
            raise TokenError(str(error)) from error
        return str(claims["sub"])

    @cached_property
    def _keys(self) -> PyJWKClient:
        return PyJWKClient(self.jwks_url or self._discovered(), cache_keys=True, lifespan=300, timeout=int(PATIENCE))

    def _discovered(self) -> str:
        """Where the issuer's keys are (OpenID Connect Discovery 1.0, section 4)."""
        try:
            answer = httpx.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration", timeout=PATIENCE)
            return str(answer.raise_for_status().json()["jwks_uri"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise JobError(f"the issuer {self.issuer} does not say where its keys are: {error}") from error
