//! Who may: the API of a frontend asked as each role, with sessions, tokens, the word of a proxy, an identity provider,
//! and as nobody.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]

mod asker;
mod header;
mod oidc;
mod roles;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
