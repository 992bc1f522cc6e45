"""HTTP on both sides: the ASGI application, callers, upstreams, proxies."""
