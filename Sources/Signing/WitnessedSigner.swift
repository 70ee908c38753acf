#if DEBUG
    internal import Crypto
    internal import Foundation
    package import PKIX

    /// Writes down each signature before it is given out, one line in a file that is only appended to: what it is (`certificate` or
    /// `list`) and the SHA-256 of the signed bytes in hexadecimal. Whatever becomes of the process, the file knows of more signatures than anybody holds, never of fewer. For tests:
    /// the environment variable `CHANCERY_FAULT_WITNESS=FILE` of a debug build.
    package struct WitnessedSigner: Signer {
        private let signer: any Signer
        private let path: String
        package var publicKey: PublicKeyInfo { signer.publicKey }
        package var scheme: SignatureScheme { signer.scheme }

        /// - Returns: `signer` itself unless the environment names a file.
        package static func around(_ signer: any Signer, _ environment: [String: String]) -> any Signer {
            guard let path = environment["CHANCERY_FAULT_WITNESS"], !path.isEmpty else { return signer }
            return WitnessedSigner(signer: signer, path: path)
        }

        package func sign(_ bytes: [UInt8]) async throws(SigningError) -> [UInt8] {
            let signature = try await signer.sign(bytes)
            let digest = SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            try append(Array("\(Self.kind(of: bytes)) \(digest)\n".utf8))
            return signature
        }

        /// A certificate's first member is its version in [0], a list's a plain INTEGER (RFC 5280 sections 4.1 and 5.1).
        private static func kind(of bytes: [UInt8]) -> String {
            guard bytes.count > 2 else { return "nothing" }
            let header = bytes[1] < 0x80 ? 2 : 2 + Int(bytes[1] & 0x7F)
            return bytes.indices.contains(header) && bytes[header] == 0xA0 ? "certificate" : "list"
        }

        private func append(_ line: [UInt8]) throws(SigningError) {
            let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard file >= 0 else { throw .unwritable(path: path, reason: String(cString: strerror(errno))) }
            defer { close(file) }
            guard line.withUnsafeBytes({ Foundation.write(file, $0.baseAddress, $0.count) }) == line.count else {
                throw .unwritable(path: path, reason: "the line was not written whole")
            }
        }
    }
#endif
