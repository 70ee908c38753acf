import ACME
import Synchronization

/// Anti-replay nonces that came with answers, newest first (RFC 8555 section 6.5). Each is handed out once.
final class NoncePool: Sendable {
    private let nonces = Mutex<[String]>([])

    /// The newest, since old ones expire.
    func take() -> String? { nonces.withLock { $0.popLast() } }

    /// Keeps the nonce that came with an answer, if it is one; at most 32.
    func keep(from answer: WireAnswer) {
        guard let nonce = Self.nonce(in: answer) else { return }
        nonces.withLock {
            $0.append(nonce)
            if $0.count > 32 { $0.removeFirst($0.count - 32) }
        }
    }

    /// A Replay-Nonce of the right form, else nil: an invalid one must be ignored (RFC 8555 section 6.5.1).
    static func nonce(in answer: WireAnswer) -> String? {
        let values = answer.values("replay-nonce")
        guard values.count == 1, let nonce = values.first, (1...1024).contains(nonce.utf8.count),
            nonce.utf8.allSatisfy({ isWordByte($0) })
        else { return nil }
        return nonce
    }
}

/// base64url's alphabet.
func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
    default: false
    }
}
