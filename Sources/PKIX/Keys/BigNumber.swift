/// Unsigned integers of any length, as much of them as `KeyCheck` asks about *public* numbers.
/// Not constant time, not for secrets.
struct BigNumber: Equatable {
    /// Little-endian, without leading zero words.
    private(set) var words: [UInt64]

    init(bigEndian bytes: [UInt8]) {
        words = []
        var word: UInt64 = 0
        for (index, byte) in bytes.reversed().enumerated() {
            word |= UInt64(byte) << (8 * UInt64(index % 8))
            if index % 8 == 7 {
                words.append(word)
                word = 0
            }
        }
        words.append(word)
        trim()
    }
    init(_ value: UInt64) { words = value == 0 ? [] : [value] }

    private mutating func trim() {
        while words.last == 0 { words.removeLast() }
    }

    var bitWidth: Int { words.last.map { words.count * 64 - $0.leadingZeroBitCount } ?? 0 }
    var isOdd: Bool { words.first.map { $0 & 1 == 1 } ?? false }

    func remainder(by divisor: UInt64) -> UInt64 {
        words.reversed().reduce(0) { divisor.dividingFullWidth(($0, $1)).remainder }
    }

    static func + (left: BigNumber, right: BigNumber) -> BigNumber {
        var sum = left
        sum.words += Array(repeating: 0, count: max(0, right.words.count - left.words.count) + 1)
        var carry: UInt64 = 0
        for index in sum.words.indices {
            let addend = index < right.words.count ? right.words[index] : 0
            let (partial, first) = sum.words[index].addingReportingOverflow(addend)
            let (total, second) = partial.addingReportingOverflow(carry)
            sum.words[index] = total
            carry = first || second ? 1 : 0
        }
        sum.trim()
        return sum
    }

    /// `left - right`; zero where that would be negative.
    static func - (left: BigNumber, right: BigNumber) -> BigNumber {
        guard left >= right else { return BigNumber(0) }
        var difference = left
        var borrow: UInt64 = 0
        for index in difference.words.indices {
            let subtrahend = index < right.words.count ? right.words[index] : 0
            let (partial, first) = difference.words[index].subtractingReportingOverflow(subtrahend)
            let (total, second) = partial.subtractingReportingOverflow(borrow)
            difference.words[index] = total
            borrow = first || second ? 1 : 0
        }
        difference.trim()
        return difference
    }

    static func >= (left: BigNumber, right: BigNumber) -> Bool {
        guard left.words.count == right.words.count else { return left.words.count > right.words.count }
        for (mine, other) in zip(left.words.reversed(), right.words.reversed()) where mine != other { return mine > other }
        return true
    }

    /// The integer square root and what is left over: `self == root * root + rest`, digit by digit, two bits at a time.
    func squareRoot() -> (root: BigNumber, rest: BigNumber) {
        let pairs = (bitWidth + 1) / 2
        let size = pairs / 64 + 2
        var root = [UInt64](repeating: 0, count: size)
        var rest = [UInt64](repeating: 0, count: size)
        for step in 0..<pairs {
            let position = 2 * (pairs - 1 - step)
            let digit = words[position / 64] >> UInt64(position % 64) & 3
            // Both numbers are below 2^(step + 3) here, so only that many words take part.
            let active = min(size, (step + 3) / 64 + 1)
            root.withUnsafeMutableBufferPointer { root in
                rest.withUnsafeMutableBufferPointer { rest in Self.advance(root, rest, digit, active) }
            }
        }
        var (rootNumber, restNumber) = (BigNumber(0), BigNumber(0))
        (rootNumber.words, restNumber.words) = (root, rest)
        rootNumber.trim()
        restNumber.trim()
        return (rootNumber, restNumber)
    }

    /// One digit: rest = 4 rest + digit; if rest >= 4 root + 1, subtract that and root = 2 root + 1, else root = 2 root.
    private static func advance(
        _ root: UnsafeMutableBufferPointer<UInt64>, _ rest: UnsafeMutableBufferPointer<UInt64>, _ digit: UInt64, _ active: Int
    ) {
        var incoming = digit
        for index in 0..<active {
            let word = rest[index]
            rest[index] = word << 2 | incoming
            incoming = word >> 62
        }
        func trial(_ index: Int) -> UInt64 { root[index] << 2 | (index == 0 ? 1 : root[index - 1] >> 62) }
        var fits = true
        for index in (0..<active).reversed() where rest[index] != trial(index) {
            fits = rest[index] > trial(index)
            break
        }
        if fits {
            var borrow: UInt64 = 0
            for index in 0..<active {
                let (partial, first) = rest[index].subtractingReportingOverflow(trial(index))
                let (total, second) = partial.subtractingReportingOverflow(borrow)
                rest[index] = total
                borrow = first || second ? 1 : 0
            }
        }
        var carry: UInt64 = fits ? 1 : 0
        for index in 0..<active {
            let word = root[index]
            root[index] = word << 1 | carry
            carry = word >> 63
        }
    }

    /// False at once for most numbers, by what squares can be modulo 64 and a few small numbers.
    var isPerfectSquare: Bool {
        for modulus: UInt64 in [64, 63, 65, 11, 17, 19, 23, 31] {
            let residue = remainder(by: modulus)
            guard (0..<modulus).contains(where: { $0 * $0 % modulus == residue }) else { return false }
        }
        return squareRoot().rest == BigNumber(0)
    }
}
