"""HTTP on both sides of the gateway: the ASGI application, clients, upstreams, proxies."""
