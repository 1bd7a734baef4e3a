"""The dashscope dialect."""
