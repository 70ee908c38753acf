import ACME
import Foundation

/// How long the certificates of public CAs may live at most, which shrinks on dates that are known.
enum LifetimeCap {
    /// In seconds; nil where nobody says.
    /// - Parameter ca: directory URL.
    static func of(_ ca: String, at date: Date) -> TimeInterval? {
        guard let entry = CatalogueEntry.all.first(where: { $0.directory == ca }) else { return nil }
        let steps = entry.name.hasPrefix("letsencrypt") ? browsers + letsEncrypt : browsers
        return steps.filter { $0.from <= date }.map(\.days).min().map { $0 * 86_400 }
    }

    private static func day(_ text: String) -> Date { (try? RFC3339.date("\(text)T00:00:00Z")) ?? .distantFuture }

    /// CA/Browser Forum, Baseline Requirements section 6.3.2.
    private static let browsers: [(from: Date, days: Double)] = [
        (day("2026-03-15"), 200), (day("2027-03-15"), 100), (day("2029-03-15"), 47),
    ]
    /// Its default profile, as announced in December 2025.
    private static let letsEncrypt: [(from: Date, days: Double)] = [
        (.distantPast, 90), (day("2027-02-10"), 64), (day("2028-02-16"), 45),
    ]
}
