internal import ACME
package import Crypto
internal import Foundation
package import Measures
internal import Synchronization

/// Anti-replay nonces of RFC 8555 section 6.5 without a database: a counter, sealed, and a window of those already spent.
///
/// A nonce is `base64url(AES-GCM(counter))`, 48 characters, unpredictable and unforgeable. The key lives and dies with the process: after
/// a restart no earlier nonce opens, so none is taken twice. A nonce older than the newest `window` ones is refused like a spent one.
package final class NonceOffice: Sendable {
    /// One bit per counter: 128 KiB, more nonces than any client keeps waiting.
    package static let window: UInt64 = 1 << 20
    private static let sealedBytes = 12 + 8 + 16

    private struct Ledger {
        var next: UInt64 = 0
        var spent = [UInt64](repeating: 0, count: Int(window / 64))
    }
    package let refusals = CounterFamily<NonceRefusal>()
    private let key: SymmetricKey
    private let ledger: Mutex<Ledger>

    package init(key: SymmetricKey = SymmetricKey(size: .bits256)) {
        self.key = key
        ledger = Mutex(Ledger())
    }

    package func issue() -> String {
        let number = ledger.withLock { ledger in
            let number = ledger.next
            ledger.next += 1
            // The slot's earlier owner leaves the window at this moment.
            ledger.spent[Self.word(number)] &= ~Self.bit(number)
            return number
        }
        let plain = withUnsafeBytes(of: number.bigEndian) { Array($0) }
        // Sealing eight bytes under a 256-bit key with a nonce of the right size has no way to fail.
        guard let sealed = try? AES.GCM.seal(plain, using: key), let bytes = sealed.combined else { return "" }
        return Base64URL.encode(bytes)
    }

    /// True exactly once for each nonce issued by this object within the window; false for everything else.
    package func spend(_ nonce: String) -> Bool {
        guard nonce.utf8.count == Self.sealedBytes / 3 * 4, let bytes = try? Base64URL.decode(nonce),
            bytes.count == Self.sealedBytes, let box = try? AES.GCM.SealedBox(combined: bytes),
            let plain = try? AES.GCM.open(box, using: key), plain.count == 8
        else { return refuse(.unknown) }
        let number = plain.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let refusal: NonceRefusal? = ledger.withLock { ledger in
            guard number < ledger.next else { return .unknown }
            guard ledger.next - number <= Self.window else { return .old }
            let (word, bit) = (Self.word(number), Self.bit(number))
            guard ledger.spent[word] & bit == 0 else { return .spent }
            ledger.spent[word] |= bit
            return nil
        }
        return refusal.map(refuse) ?? true
    }

    private func refuse(_ why: NonceRefusal) -> Bool {
        refusals.add(why)
        return false
    }

    private static func word(_ number: UInt64) -> Int { Int(number % window / 64) }
    private static func bit(_ number: UInt64) -> UInt64 { 1 << (number % 64) }
}
