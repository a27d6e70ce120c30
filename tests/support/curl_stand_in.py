"""Enough of curl for the README's tour, on a machine that has none: -s, -i, -X METHOD, -H HEADER, -d BODY, one URL.

Like curl without --fail, it exits 0 whatever status the server answers, and 7 when there is no server.
"""

import argparse
import http.client
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

_TIMEOUT_S = 30.0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-i", action="store_true", dest="shows_head")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", action="append", default=[], dest="headers")
    parser.add_argument("-d", dest="body")
    parser.add_argument("url")
    given = parser.parse_args(arguments)

    headers = {"User-Agent": "curl-stand-in", "Accept": "*/*"}
    if given.body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    headers |= {name.strip(): value.strip() for name, _, value in (header.partition(":") for header in given.headers)}

    url = urlsplit(given.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=_TIMEOUT_S)
    try:
        method = given.method or ("GET" if given.body is None else "POST")
        target = url.path + (f"?{url.query}" if url.query else "")
        connection.request(method, target or "/", given.body.encode() if given.body else None, headers)
        response = connection.getresponse()
        if given.shows_head:
            head = [f"HTTP/1.1 {response.status} {response.reason}", *(f"{k}: {v}" for k, v in response.getheaders())]
            sys.stdout.buffer.write("\r\n".join([*head, "", ""]).encode())
        sys.stdout.buffer.write(response.read())
    except OSError as error:
        sys.stderr.write(f"curl (stand-in): {given.url}: {error}\n")
        return 7
    finally:
        connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
