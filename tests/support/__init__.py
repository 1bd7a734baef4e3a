"""What tests stand on: real servers, fakes that are small real ones, and builders."""
