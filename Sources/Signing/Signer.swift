package import PKIX

/// A private key that signs for an authority, wherever it lies.
package protocol Signer: Sendable {
    var publicKey: PublicKeyInfo { get }
    var scheme: SignatureScheme { get }
    /// - Returns: the signature by `scheme` in X.509 form, DER for ECDSA.
    func sign(_ bytes: [UInt8]) async throws(SigningError) -> [UInt8]
}

/// Why a key cannot be had or used. No case holds a passphrase or any part of a key.
package enum SigningError: Error, Equatable, CustomStringConvertible {
    /// The file cannot be read or written; with the system's reason.
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    /// The file may be read by others than its owner; with its mode in octal.
    case exposed(path: String, mode: String)
    case wrongPassphrase(path: String)
    /// The file holds an encrypted key, and no passphrase was given.
    case passphraseNeeded(path: String)
    /// What the file holds is no private key that is known here.
    case unusable(path: String, reason: String)
    /// No passphrase at the place where it was to be found.
    case noPassphrase(source: String)
    case failed(reason: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .unwritable(let path, let reason): "\(path) cannot be written: \(reason)"
        case .exposed(let path, let mode): "\(path) has mode \(mode), so that others can read it: set it to 0600"
        case .wrongPassphrase(let path): "the passphrase does not open \(path)"
        case .passphraseNeeded(let path): "the key in \(path) is encrypted and no passphrase was given"
        case .unusable(let path, let reason): "\(path) holds no usable key: \(reason)"
        case .noPassphrase(let source): "there is no passphrase in \(source)"
        case .failed(let reason): "the key did not sign: \(reason)"
        }
    }
}
