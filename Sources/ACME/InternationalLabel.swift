import CIdn2

/// IDNA 2008 (RFC 5891), by libidn2.
enum InternationalLabel {
    /// - Parameter aLabel: LDH, lower case, beginning with `xn--`.
    /// - Returns: whether it decodes to a label that may be registered (NFC, no disallowed or unassigned character, contextual and
    ///   bidirectional rules kept) and encodes back to exactly itself.
    static func isValid(aLabel: String) -> Bool {
        guard let uLabel = taking({ idn2_to_unicode_8z8z(aLabel, $0, 0) }), !uLabel.utf8.allSatisfy({ $0 < 0x80 }) else {
            return false
        }
        let encoded = taking { out in
            uLabel.withCString(encodedAs: UTF8.self) { source in
                out.withMemoryRebound(to: UnsafeMutablePointer<UInt8>?.self, capacity: 1) { idn2_register_u8(source, nil, $0, 0) }
            }
        }
        return encoded == aLabel
    }

    /// The whole name, labels mapped and encoded. Nil if it has no A-form.
    static func ascii(of name: String) -> String? {
        // C would end at a NUL; UTS 46 can blow a character up to 18, so that the bound comes before the work.
        guard name.utf8.count <= 1024, !name.utf8.contains(0) else { return nil }
        let flags = CInt(IDN2_NONTRANSITIONAL.rawValue | IDN2_NFC_INPUT.rawValue)
        return taking { out in
            name.withCString(encodedAs: UTF8.self) { source in
                out.withMemoryRebound(to: UnsafeMutablePointer<UInt8>?.self, capacity: 1) { idn2_lookup_u8(source, $0, flags) }
            }
        }
    }

    private static func taking(_ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt) -> String? {
        var out: UnsafeMutablePointer<CChar>?
        let code = call(&out)
        defer { idn2_free(out) }
        guard code == IDN2_OK.rawValue, let out else { return nil }
        return String(validatingCString: out)
    }
}
