//! What a driver implements, and the devices that need no hardware.
