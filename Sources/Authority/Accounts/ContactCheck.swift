internal import ACME
internal import Foundation

/// RFC 8555 section 7.3: `mailto` only, one address, no header fields (RFC 6068).
enum ContactCheck {
    private static let longest = 320

    /// - Returns: the contacts as they were written.
    /// - Throws: `unsupportedContact` for another scheme, `invalidContact` for a bad or excessive value.
    static func check(_ contacts: [String], maximum: Int) throws(Refusal) -> [String] {
        guard contacts.count <= maximum else { throw .invalidContact("At most \(maximum) contacts are kept.") }
        for contact in contacts { try check(contact) }
        return contacts
    }

    private static func check(_ contact: String) throws(Refusal) {
        let shown = contact.printable(limit: 60)
        guard let colon = contact.firstIndex(of: ":"), contact[..<colon].lowercased() == "mailto" else {
            throw .unsupportedContact("\(shown) is not accepted; contacts are mailto: addresses, as mailto:admin@example.org")
        }
        let address = contact[contact.index(after: colon)...]
        if let fault = fault(of: address) { throw .invalidContact("\(shown): \(fault)") }
    }

    private static func fault(of address: Substring) -> String? {
        guard address.utf8.count <= longest else { return "longer than \(longest) bytes." }
        guard !address.contains("?") else { return "header fields are not allowed." }
        guard !address.contains(","), !address.lowercased().contains("%2c") else { return "one address per contact." }
        guard
            address.unicodeScalars.allSatisfy({
                $0.value > 0x20 && !(0x7F...0xA0).contains($0.value) && !#"<>()[]\;:""#.unicodeScalars.contains($0)
                    && $0.properties.generalCategory != .format
            })
        else { return "holds characters that an address does not have." }
        let parts = address.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let local = parts.first, let host = parts.last else { return "an address has one @." }
        guard (1...64).contains(local.utf8.count), !local.hasPrefix("."), !local.hasSuffix("."), !local.contains("..") else {
            return "the part before the @ is not right."
        }
        guard let name = try? DomainName.ascii(String(host)), !name.isWildcard else {
            return "the part after the @ is not a domain name."
        }
        return nil
    }
}
