"""Servers that play Tencent and WeChat for tests and the demo: own code, real work, faults on demand."""
