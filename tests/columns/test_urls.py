"""URLs: their parts, as they are written and as Windows would take them."""

import pandas as pd
import pytest

from capi2kit.columns.urls import split_url, url_columns


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path"),
    [
        ("http://crl.test/a.crl", "http", "crl.test", 80, "/a.crl"),
        ("HTTPS://CRL.Test/a.crl?x=1", "https", "crl.test", 443, "/a.crl"),
        ("http://crl.test:8080", "http", "crl.test", 8080, None),
        ("http://[::1]:8080/a", "http", "[::1]", 8080, "/a"),
        ("http://[::1]/a", "http", "[::1]", 80, "/a"),
        ("http://user:80pw@crl.test:8080/", "http", "crl.test", 8080, "/"),
        ("ldap:///CN=x?certificateRevocationList", "ldap", None, None, "/CN=x"),
        ("ldap://dc.test/CN=x", "ldap", "dc.test", 389, "/CN=x"),
        ("ldaps://dc.test/CN=x", "ldaps", "dc.test", 636, "/CN=x"),
        ("ftp://crl.test/a", "ftp", "crl.test", None, "/a"),  # a scheme whose port nobody needs here
        ("file://\\\\ca01.test\\CertEnroll\\a.crt", "file", "ca01.test", 445, "/CertEnroll/a.crt"),
        ("file:////ca01.test/CertEnroll/a.crt", "file", "ca01.test", 445, "/CertEnroll/a.crt"),
        ("file://ca01.test/CertEnroll/a.crt", "file", "ca01.test", 445, "/CertEnroll/a.crt"),
        ("file:///C:/CertEnroll/a.crt", "file", None, None, "/C:/CertEnroll/a.crt"),
        ("http://crl.test:99999/a", "http", "crl.test", None, "/a"),
        ("http://crl.test:no/a", "http", "crl.test", None, "/a"),
        ("http://[::1/a", None, None, None, None),
        ("C:\\Windows\\a.dll", None, None, None, None),
        ("crl.test/a.crl", None, None, None, None),
        ("", None, None, None, None),
    ],
)
def test_a_url_is_taken_apart(url, scheme, host, port, path):
    assert split_url(url) == (scheme, host, port, path)


def test_a_column_of_urls_gives_one_column_per_part():
    parts = pd.DataFrame(url_columns(pd.Series(["http://a.test/x", None, "http://a.test/x"], dtype="string")))
    assert list(parts) == ["url_scheme", "url_host", "url_port", "url_path"]
    assert parts["url_port"].dtype == "Int64" and parts["url_host"].dtype == "string"
    assert parts["url_port"].tolist() == [80, pd.NA, 80]
    assert parts["url_path"].tolist() == ["/x", pd.NA, "/x"]
