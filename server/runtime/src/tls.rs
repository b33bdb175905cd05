//! One TLS provider for the process.
//!
//! rustls wants a process-wide choice before the first connection; libraries that make their own would bring a second
//! implementation of the same ciphers.

/// Makes ring the provider of this process. May be called any number of times; the first call decides.
pub fn install() {
    // The error only says that a provider is there already, which is what we want.
    rustls::crypto::ring::default_provider().install_default().ok();
}

#[cfg(test)]
mod tests {
    #[test]
    fn installing_twice_is_fine_and_leaves_a_provider() {
        super::install();
        super::install();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
