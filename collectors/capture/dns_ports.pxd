# Types of dns_ports.py for the compiled core.

cpdef bint is_dns_port(long long port) noexcept
