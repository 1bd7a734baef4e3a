"""`diffusers`: open models from a folder of weights, on a device of this machine."""
