/// A CA that a person can name instead of typing its directory's URL.
package struct CatalogueEntry: Sendable, Hashable, Codable {
    /// What `--ca` takes, such as `letsencrypt`.
    package let name: String
    package let title: String
    package let directory: String
    /// Whether a new account needs `--eab-kid` and its key.
    package let bindingNeeded: Bool
    package let wildcards: Bool
    /// Plain words: `90 days`.
    package let lifetimes: String
    /// What else a person should know before choosing.
    package let note: String?
    /// No new certificates come from a closed CA.
    package let closed: Bool
    /// The kinds of keys that it certifies; nil where that is not known.
    package let keyTypes: [KeyType]?

    init(
        _ name: String, _ title: String, _ directory: String, binding: Bool = false, wildcards: Bool = true, lifetimes: String,
        note: String? = nil, closed: Bool = false, keyTypes: [KeyType]? = nil
    ) {
        (self.name, self.title, self.directory, bindingNeeded) = (name, title, directory, binding)
        (self.wildcards, self.lifetimes, self.note, self.closed) = (wildcards, lifetimes, note, closed)
        self.keyTypes = keyTypes
    }

    /// The CAs that everybody may use, as of November 2026. `ca add` gives others a name.
    package static let all: [CatalogueEntry] = [
        CatalogueEntry(
            "letsencrypt", "Let's Encrypt", "https://acme-v02.api.letsencrypt.org/directory",
            lifetimes: "90 days, 45 days or 160 hours by profile", note: "Free. Try things out at its staging.",
            keyTypes: [.p256, .p384, .rsa2048, .rsa3072, .rsa4096]),
        CatalogueEntry(
            "letsencrypt-staging", "Let's Encrypt (staging)", "https://acme-staging-v02.api.letsencrypt.org/directory",
            lifetimes: "as Let's Encrypt", note: "For trying out: browsers do not trust what it issues; its limits are high.",
            keyTypes: [.p256, .p384, .rsa2048, .rsa3072, .rsa4096]),
        CatalogueEntry(
            "zerossl", "ZeroSSL", "https://acme.zerossl.com/v2/DV90", binding: true, lifetimes: "90 days",
            note: "Free. The account binding comes from its web page."),
        CatalogueEntry(
            "google", "Google Trust Services", "https://dv.acme-v02.api.pki.goog/directory", binding: true,
            lifetimes: "1 to 90 days", note: "Free. The account binding comes from gcloud, serves once and expires in 7 days."),
        CatalogueEntry(
            "sslcom", "SSL.com", "https://acme.ssl.com/sslcom-dv-ecc", binding: true, wildcards: false, lifetimes: "90 days",
            note: "One name and its www free; charges an account that has funds. RSA keys: https://acme.ssl.com/sslcom-dv-rsa."),
        CatalogueEntry(
            "actalis", "Actalis", "https://acme-api.actalis.com/acme/directory", binding: true, wildcards: false,
            lifetimes: "90 days", note: "One name and its www free."),
        CatalogueEntry(
            "buypass", "Buypass", "https://api.buypass.com/acme/directory", lifetimes: "180 days",
            note: "Closed: no new certificates since 15 October 2025.", closed: true),
    ]
}
