"""Addresses of a bucket's objects that need nobody's key for some minutes.

Signed by AWS Signature Version 4 in the query (Amazon S3, "Authenticating requests: using query
parameters"). By our own hands: obstore signs no `response-*` parameters, without which a browser is
told neither what an object is nor how it is called.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from time import time
from urllib.parse import quote, urlsplit

import msgspec

from unstill.domain.errors import BadSetting

LIFE_S = 600  # a player goes on seeking in a video by the address that it was led to

_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer(msgspec.Struct, frozen=True):
    """A key to a bucket, and where the bucket is for those who get addresses of it."""

    bucket_url: str  # with the bucket and the prefix, without a slash at its end
    region: str
    key_id: str
    secret: str
    token: str = ""  # it comes with a key that is good for a session
    life_s: int = LIFE_S
    clock_s: Callable[[], float] = time

    def address(self, method: str, key: str, says: Mapping[str, str]) -> str:
        """An object's, for one method. says: headers of the answer, by their small names."""
        url = urlsplit(f"{self.bucket_url}/{key}")
        now = datetime.fromtimestamp(self.clock_s(), UTC)
        day, moment = f"{now:%Y%m%d}", f"{now:%Y%m%dT%H%M%SZ}"
        scope = f"{day}/{self.region}/s3/aws4_request"
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.key_id}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(self.life_s),
            "X-Amz-SignedHeaders": "host",
            **({"X-Amz-Security-Token": self.token} if self.token else {}),
            **{f"response-{name}": said for name, said in says.items()},
        }
        pairs = "&".join(f"{_quoted(name)}={_quoted(query[name])}" for name in sorted(query))
        # The host is signed of the request, and nothing of its body.
        asked = f"{method}\n{url.path}\n{pairs}\nhost:{url.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        signed = f"{_ALGORITHM}\n{moment}\n{scope}\n{sha256(asked.encode()).hexdigest()}"
        signing = f"AWS4{self.secret}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        signature = hmac.digest(signing, signed.encode(), "sha256").hex()
        return f"{url.scheme}://{url.netloc}{url.path}?{pairs}&X-Amz-Signature={signature}"


def signer_of(
    bucket: str, prefix: str, environment: Mapping[str, str], *, public_url: str
) -> Signer:
    """What signs addresses of the bucket. public_url: where callers reach the storage; empty: where
    this server does. Raises BadSetting.
    """
    key_id = environment.get("AWS_ACCESS_KEY_ID", "")
    secret = environment.get("AWS_SECRET_ACCESS_KEY", "")
    if not key_id or not secret:
        reason = "redirect needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to sign addresses"
        raise BadSetting("server.file_delivery", reason)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    storage = public_url or environment.get("AWS_ENDPOINT_URL", "")
    storage = (storage or f"https://s3.{region}.amazonaws.com").rstrip("/")
    return Signer(
        bucket_url="/".join(filter(None, (storage, bucket, prefix))),
        region=region,
        key_id=key_id,
        secret=secret,
        token=environment.get("AWS_SESSION_TOKEN", ""),
    )


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
