// Limits of the server that forms say beforehand.

/** Characters that a password has at least. */
export const PASSWORD_LENGTH = 12
