"""Where WeChat's message push comes in: proved to be WeChat's, taken as a hint, answered within five seconds."""
