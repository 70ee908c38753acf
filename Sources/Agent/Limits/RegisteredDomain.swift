import ACME
import Foundation

/// The domain that somebody registered, under which a CA counts names: `example.co.uk` for `www.example.co.uk`.
///
/// By the Public Suffix List where this host has one (Debian: publicsuffix). Without it the last two labels, which takes too many names
/// together and never too few.
struct RegisteredDomain: Sendable {
    private var rules: Set<String> = []
    private var exceptions: Set<String> = []

    static let standard = RegisteredDomain(
        list: (try? Files.read("/usr/share/publicsuffix/public_suffix_list.dat", maximum: 4 << 20)).flatMap { $0 }
            .map { String(decoding: $0, as: UTF8.self) } ?? "")

    /// - Parameter list: as publicsuffix.org/list says; what does not fit is passed over.
    init(list: String) {
        for line in list.split(whereSeparator: \.isNewline) {
            guard let rule = line.split(whereSeparator: \.isWhitespace).first, !rule.hasPrefix("//") else { continue }
            let isException = rule.hasPrefix("!")
            let text = isException ? rule.dropFirst() : rule
            let isWildcard = text.hasPrefix("*.")
            guard let name = try? DomainName.ascii(String(isWildcard ? text.dropFirst(2) : text)).text else { continue }
            if isException { exceptions.insert(name) } else { rules.insert(isWildcard ? "*.\(name)" : name) }
        }
    }

    /// - Parameter name: in ASCII and lower case, perhaps after `*.`.
    func of(_ name: String) -> String {
        let labels = (name.hasPrefix("*.") ? name.dropFirst(2) : name[...]).split(separator: ".")
        guard labels.count > 2 || !rules.isEmpty else { return labels.joined(separator: ".") }
        func tail(_ count: Int) -> String { labels.suffix(count).joined(separator: ".") }
        guard !rules.isEmpty else { return tail(2) }
        var suffix = 1
        for count in 1...max(1, labels.count) {
            if exceptions.contains(tail(count)) { return tail(count) }
            if rules.contains(tail(count)) || (count > 1 && rules.contains("*.\(tail(count - 1))")) { suffix = count }
        }
        return tail(min(labels.count, suffix + 1))
    }
}
