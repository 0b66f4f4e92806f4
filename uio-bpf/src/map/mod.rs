//! Maps: memory that programs share with each other and with the host.
