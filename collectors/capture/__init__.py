"""Packets: pcap streams, their decoding, files."""
