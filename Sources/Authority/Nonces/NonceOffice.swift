internal import ACME
package import Measures
internal import Synchronization

/// Anti-replay nonces of RFC 8555 section 6.5 without a database: a number, and 128 bits of chance that go with it, kept until the nonce is
/// spent or leaves the window.
///
/// A nonce is `base64url(number, chance)`, 32 characters, unpredictable and unforgeable. The chance lives and dies with the process: after
/// a restart no earlier nonce is known, so none is taken twice. A nonce older than the newest `window` ones is refused like a spent one.
package final class NonceOffice: Sendable {
    /// More nonces than any client keeps waiting: 16 MiB, taken as they are issued.
    package static let window: UInt64 = 1 << 20
    /// Nonces whose chance is drawn together.
    private static let sheet: UInt64 = 1 << 9
    private static let bytes = 8 + 16

    private struct Chance: Equatable {
        var high: UInt64
        var low: UInt64
    }
    /// The nonces of one draw.
    private struct Sheet {
        /// Of which nonces: number / `sheet`.
        var number: UInt64
        var chances: [Chance]
        /// One bit for each.
        var spent = [UInt64](repeating: 0, count: Int(NonceOffice.sheet / 64))
    }
    private struct Ledger {
        var next: UInt64 = 0
        /// As many as cover the window, the oldest giving way to the newest.
        var sheets: [Sheet?] = Array(repeating: nil, count: Int(window / sheet) + 1)
    }
    package let refusals = CounterFamily<NonceRefusal>()
    private let ledger = Mutex(Ledger())
    private let random: @Sendable (Int) -> [UInt8]

    /// - Parameter random: bytes from a cryptographic source.
    package init(random: @escaping @Sendable (Int) -> [UInt8] = Surroundings.real.random) { self.random = random }

    package func issue() -> String {
        let (number, chance) = ledger.withLock { ledger in
            let number = ledger.next
            ledger.next += 1
            let (place, index) = Self.place(number)
            if index == 0 { ledger.sheets[place] = Sheet(number: number / Self.sheet, chances: draw()) }
            return (number, ledger.sheets[place]?.chances[index] ?? Chance(high: 0, low: 0))
        }
        return Base64URL.encode(
            [UInt8](unsafeUninitializedCapacity: Self.bytes) { buffer, count in
                let raw = UnsafeMutableRawBufferPointer(buffer)
                raw.storeBytes(of: number.bigEndian, toByteOffset: 0, as: UInt64.self)
                raw.storeBytes(of: chance.high, toByteOffset: 8, as: UInt64.self)
                raw.storeBytes(of: chance.low, toByteOffset: 16, as: UInt64.self)
                count = Self.bytes
            })
    }

    /// True exactly once for each nonce issued by this object within the window; false for everything else.
    package func spend(_ nonce: String) -> Bool {
        guard nonce.utf8.count == Self.bytes / 3 * 4, let bytes = try? Base64URL.decode(nonce), bytes.count == Self.bytes else {
            return refuse(.unknown)
        }
        let (number, chance) = bytes.withUnsafeBytes { raw in
            (
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                Chance(
                    high: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                    low: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            )
        }
        let refusal: NonceRefusal? = ledger.withLock { ledger in
            guard number < ledger.next else { return .unknown }
            let (place, index) = Self.place(number)
            guard ledger.next - number <= Self.window, ledger.sheets[place]?.number == number / Self.sheet else { return .old }
            let issued = ledger.sheets[place]?.chances[index] ?? Chance(high: 0, low: 0)
            // In one piece, so that the time tells nothing of where they differ.
            guard (issued.high ^ chance.high) | (issued.low ^ chance.low) == 0 else { return .unknown }
            let (word, bit) = (index / 64, UInt64(1) << UInt64(index % 64))
            guard let spent = ledger.sheets[place]?.spent[word], spent & bit == 0 else { return .spent }
            ledger.sheets[place]?.spent[word] = spent | bit
            return nil
        }
        return refusal.map(refuse) ?? true
    }

    private func refuse(_ why: NonceRefusal) -> Bool {
        refusals.add(why)
        return false
    }

    /// Of a nonce: which sheet it is on, and where on it.
    private static func place(_ number: UInt64) -> (sheet: Int, index: Int) {
        (Int(number / sheet % (window / sheet + 1)), Int(number % sheet))
    }

    private func draw() -> [Chance] {
        random(Int(Self.sheet) * 16).withUnsafeBytes { raw in
            (0..<Int(Self.sheet)).map { index in
                Chance(
                    high: raw.loadUnaligned(fromByteOffset: index * 16, as: UInt64.self),
                    low: raw.loadUnaligned(fromByteOffset: index * 16 + 8, as: UInt64.self))
            }
        }
    }
}
