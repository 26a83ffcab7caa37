"""The XML API, by its own words: Google's client uses it for large uploads alone, which are tested with the others."""

from __future__ import annotations

from urllib.parse import quote
from xml.etree import ElementTree

import pytest


@pytest.fixture
def url(gcs, bucket):
    return f"{gcs.url}/{bucket.name}"


def code_of(answer) -> str:
    assert answer.headers["Content-Type"].startswith("application/xml")
    return ElementTree.fromstring(answer.content).findtext("Code") or ""


def texts(answer, path: str) -> list[str]:
    return [found.text or "" for found in ElementTree.fromstring(answer.content).findall(path)]


@pytest.mark.parametrize("name", ["k", "손익/a b#?%+.txt", "a//b", "dir/"])
def test_objects_come_and_go(http, url, bucket, name):
    place = f"{url}/{quote(name)}"
    made = http.put(place, data=b"12345", headers={"Content-Type": "text/csv", "x-goog-meta-a": "1"})
    assert made.status_code == 200
    blob = bucket.get_blob(name)
    assert made.headers["X-Goog-Generation"] == str(blob.generation)
    assert (blob.content_type, blob.metadata) == ("text/csv", {"a": "1"})
    got = http.get(place)
    assert (got.content, got.headers["x-goog-meta-a"], got.headers["ETag"]) == (b"12345", "1", made.headers["ETag"])
    head = http.head(place)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "5", b"")
    part = http.get(place, headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, b"23")
    assert http.delete(place).status_code == 204
    absent = http.get(place)
    assert (absent.status_code, code_of(absent)) == (404, "NoSuchKey")
    assert http.head(place).status_code == 404
    assert http.delete(place).status_code == 404


def test_conditions(http, url):
    first = http.put(f"{url}/k", data=b"1", headers={"x-goog-if-generation-match": "0"})
    again = http.put(f"{url}/k", data=b"2", headers={"x-goog-if-generation-match": "0"})
    assert (first.status_code, again.status_code, code_of(again)) == (200, 412, "PreconditionFailed")
    generation = {"x-goog-if-generation-match": first.headers["X-Goog-Generation"]}
    assert http.delete(f"{url}/k", headers={"x-goog-if-generation-match": "1"}).status_code == 412
    assert http.put(f"{url}/k", data=b"3", headers=generation).status_code == 200
    assert http.get(f"{url}/k", headers=generation).status_code == 412
    assert http.get(f"{url}/k", headers={"x-goog-if-metageneration-match": "1"}).content == b"3"
    tag = http.head(f"{url}/k").headers["ETag"]
    assert http.get(f"{url}/k", headers={"If-None-Match": tag}).status_code == 304
    assert http.get(f"{url}/k", headers={"If-Match": '"other"'}).status_code == 412


def test_a_wrong_checksum(http, url, bucket):
    for headers in ({"x-goog-hash": "crc32c=AAAAAA=="}, {"Content-MD5": "gnzLDuqKcGxMNKFokfhOew=="}):
        assert http.put(f"{url}/k", data=b"1", headers=headers).status_code == 400
    assert not bucket.blob("k").exists()


def test_copies(http, url, bucket):
    http.put(f"{url}/k", data=b"1", headers={"Content-Type": "text/csv"})
    source = {"x-goog-copy-source": f"{bucket.name}/k"}
    copied = http.put(f"{url}/copy", headers=source)
    assert (copied.status_code, texts(copied, "ETag")) == (200, [http.head(f"{url}/k").headers["ETag"]])
    assert bucket.get_blob("copy").content_type == "text/csv"
    assert http.put(f"{url}/copy", headers=source | {"x-goog-if-generation-match": "0"}).status_code == 412
    assert http.put(f"{url}/c", headers=source | {"x-goog-copy-source-if-generation-match": "1"}).status_code == 412
    assert http.put(f"{url}/c", headers={"x-goog-copy-source": f"{bucket.name}/absent"}).status_code == 404


def test_listing_in_both_ways(http, url):
    names = ["a", "b/1", "b/2", "c", "한/&<"]
    for name in names:
        http.put(f"{url}/{quote(name)}", data=b"1")
    assert texts(http.get(url), "{*}Contents/{*}Key") == names
    for step, token, more in (("marker", "{*}NextMarker", ""), ("continuation-token", "{*}NextContinuationToken", "2")):
        found, folders, after = list[str](), list[str](), ""
        for _ in range(4):
            query = {"delimiter": "/", "max-keys": "1", "list-type": more, step: after}
            page = http.get(url, params={key: value for key, value in query.items() if value})
            found += texts(page, "{*}Contents/{*}Key")
            folders += texts(page, "{*}CommonPrefixes/{*}Prefix")
            (after,) = texts(page, token) or [""]
            assert texts(page, "{*}IsTruncated") == ["true" if after else "false"]
        assert (found, folders) == (["a", "c"], ["b/", "한/"])
    assert texts(http.get(url, params={"prefix": "b/", "list-type": "2"}), "{*}KeyCount") == ["2"]
    assert texts(http.get(url, params={"list-type": "2", "start-after": "b/2"}), "{*}Contents/{*}Key") == names[3:]
    encoded = http.get(url, params={"encoding-type": "url", "prefix": "한"})
    assert texts(encoded, "{*}Contents/{*}Key") == [quote("한/&<")]


def test_buckets(http, gcs):
    place = f"{gcs.url}/xml-made"
    assert (http.head(place).status_code, http.get(place).status_code) == (404, 404)
    assert code_of(http.get(place)) == "NoSuchBucket"
    assert http.put(place).status_code == 200
    assert http.head(place).status_code == 200
    http.put(f"{place}/k", data=b"1")
    refused = http.delete(place)
    assert (refused.status_code, code_of(refused)) == (409, "BucketNotEmpty")
    http.delete(f"{place}/k")
    assert http.delete(place).status_code == 204


def test_multipart_uploads_are_checked(http, url, bucket):
    upload = texts(http.post(f"{url}/k?uploads"), "{*}UploadId")[0]
    tag = http.put(f"{url}/k?partNumber=1&uploadId={upload}", data=b"1").headers["ETag"]
    http.put(f"{url}/k?partNumber=2&uploadId={upload}", data=b"2")

    def complete(*parts: tuple[int, str]) -> str:
        listed = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{t}</ETag></Part>" for n, t in parts)
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
        answer = http.post(f"{url}/k?uploadId={upload}", data=body)
        return "" if answer.ok else code_of(answer)

    assert complete((3, tag)) == "InvalidPart"
    assert complete((1, '"other"')) == "InvalidPart"
    assert complete((2, tag), (1, tag)) == "InvalidPartOrder"
    assert complete((1, tag), (2, '"c81e728d9d4c2f636f067f89cc14862c"')) in {"InvalidPart", "EntityTooSmall"}
    assert complete() == "InvalidPartOrder"
    assert not bucket.blob("k").exists()
    assert complete((1, tag)) == ""
    assert bucket.blob("k").download_as_bytes() == b"1"
    assert complete((1, tag)) == "NoSuchUpload"
    other = texts(http.post(f"{url}/k?uploads"), "{*}UploadId")[0]
    assert http.delete(f"{url}/k?uploadId={other}").status_code == 204
    assert http.delete(f"{url}/k?uploadId={other}").status_code == 404


def test_nonsense(http, gcs, url):
    assert http.post(gcs.url).status_code == 404
    assert http.post(f"{url}/k").status_code == 404
    assert http.get(f"{url}?max-keys=x").status_code == 400
    assert http.post(f"{url}/k?uploadId=none", data=b"<").status_code == 404
