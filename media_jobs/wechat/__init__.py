"""WeChat's media API (wxa/sec/vod): the client, what its answers mean, play links, and what people are told."""
