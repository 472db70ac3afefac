//! HTTP/1 heads and bodies, URLs and query strings.
