/// What a public key must be to be certified (BR 6.1.1.3, 6.1.5, 6.1.6). Points were put on their curve by `PublicKeyInfo`.
package enum KeyCheck {
    /// - Throws: `.key` with what is wrong.
    package static func check(_ info: PublicKeyInfo) throws(Unacceptable) {
        guard case .rsa(let bits) = info.algorithm else { return }
        guard bits >= 2048 else { throw .key("the RSA key has \(bits) bits; at least 2048 are needed") }
        guard bits <= 4096 else { throw .key("the RSA key has \(bits) bits; at most 4096 are taken") }
        guard bits % 8 == 0 else { throw .key("the RSA key has \(bits) bits, which is no whole number of octets") }
        let key = try RSAPublicKey(info.key)
        guard key.exponent.bitWidth <= 32 else { throw .key("the RSA exponent has more than 32 bits") }
        guard key.exponent.isOdd, key.exponent.bitWidth >= 2 else { throw .key("the RSA exponent is even or less than 3") }
        try check(modulus: key.modulus)
    }

    static func check(modulus: BigNumber) throws(Unacceptable) {
        guard modulus.isOdd else { throw .key("the RSA modulus is even") }
        for group in Primes.groups {
            let remainder = modulus.remainder(by: group.product)
            for prime in group.primes where remainder % prime == 0 {
                throw .key("the RSA modulus is divisible by \(prime)")
            }
        }
        guard !isROCA(modulus) else { throw .key("the RSA key bears the fingerprint of CVE-2017-15361 (ROCA)") }
        guard !hasClosePrimes(modulus, rounds: 100) else { throw .key("the primes of the RSA key are too close to each other") }
    }

    /// Keys of Infineon's faulty library are, modulo each small prime, a power of 65537 (Nemec et al., 2017).
    private static func isROCA(_ modulus: BigNumber) -> Bool {
        Primes.powers.allSatisfy { prime, powers in powers.contains(modulus.remainder(by: prime)) }
    }

    /// Fermat's method: n = a² - b² with a little above the square root of n (BR 6.1.1.3 asks for 100 rounds).
    private static func hasClosePrimes(_ modulus: BigNumber, rounds: Int) -> Bool {
        let (root, rest) = modulus.squareRoot()
        if rest == BigNumber(0) { return true }
        var step = root + root + BigNumber(1)  // (a + 1)² - a², with a = root
        var square = step - rest  // (root + 1)² - n
        for _ in 0..<rounds {
            if square.isPerfectSquare { return true }
            step = step + BigNumber(2)
            square = square + step
        }
        return false
    }

    private enum Primes {
        static let odd: [UInt64] = (3..<752).filter { candidate in (2..<candidate).allSatisfy { candidate % $0 != 0 } }

        /// Primes gathered while their product fits one word, so that a long number is divided 20 times and not 132.
        static let groups: [(product: UInt64, primes: [UInt64])] = odd.reduce(into: []) { groups, prime in
            if let last = groups.last, case let (product, false) = last.product.multipliedReportingOverflow(by: prime) {
                groups[groups.count - 1] = (product, last.primes + [prime])
            } else {
                groups.append((prime, [prime]))
            }
        }

        /// For the primes to 167, as in the published detector: the residues that 65537 generates.
        static let powers: [(UInt64, Set<UInt64>)] = odd.prefix { $0 <= 167 }.map { prime in
            var powers: Set<UInt64> = []
            var power: UInt64 = 1
            while powers.insert(power).inserted { power = power * (65537 % prime) % prime }
            return (prime, powers)
        }
    }
}
