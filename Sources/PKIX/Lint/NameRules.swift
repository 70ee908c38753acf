extension Linter {
    static let nameRules: [LintRule] = [
        LintRule("issuer-bytes", "BR 7.1.4.1, RFC 5280 4.1.2.4", [.leaf, .intermediate]) { certificate, context in
            certificate.issuer == context.issuerName ? nil : "the issuer's name differs from the subject of its certificate"
        },
        LintRule("root-self-issued", "RFC 5280 3.2", [.root]) { certificate, _ in
            certificate.issuer == certificate.subject ? nil : "a root's issuer is not itself"
        },
        LintRule("not-self-issued", "RFC 5280 3.2", [.leaf, .intermediate]) { certificate, _ in
            certificate.issuer == certificate.subject ? "the subject bears its issuer's name" : nil
        },
        LintRule("leaf-subject-empty", "the profile of this authority", [.leaf]) { certificate, _ in
            certificate.subject.isEmpty ? nil : "the subject is not empty"
        },
        LintRule("authority-common-name", "BR 7.1.2.10.2", [.intermediate, .root]) { certificate, _ in
            let names = certificate.subject.texts(of: .commonName)
            return names.count == 1 && names.first??.isEmpty == false ? nil : "the subject has not exactly one common name"
        },
        LintRule("authority-subject-attributes", "BR 7.1.2.10.2", [.intermediate, .root]) { certificate, _ in
            let attributes = certificate.subject.attributes
            let isKnown = attributes.allSatisfy { $0.type == .commonName || $0.type == .organization }
            let isSingle = Set(attributes.map(\.type)).count == attributes.count && certificate.subject.count == attributes.count
            return isKnown && isSingle ? nil : "the subject holds more than a common name and an organization"
        },
        LintRule("authority-subject-text", "RFC 5280 4.1.2.4, appendix A", [.intermediate, .root]) { certificate, _ in
            let isText = certificate.subject.attributes.allSatisfy { attribute in
                guard attribute.tag == 0x0c, let text = attribute.text else { return false }
                let hasControls = text.unicodeScalars.contains { $0.properties.generalCategory == .control }
                return (1...64).contains(text.unicodeScalars.count) && !hasControls
            }
            return isText ? nil : "a value of the subject is not a UTF8String of 1 to 64 characters"
        },
    ]
}
