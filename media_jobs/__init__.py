"""Episodes from an uploaded file to something that plays, on COS and WeChat: the next part of juliu to be built."""
