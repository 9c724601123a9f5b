"""Audio: files on the host (`io`), signal processing and front ends on the device."""
