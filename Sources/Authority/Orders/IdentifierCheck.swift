internal import ACME

/// What an order may name.
enum IdentifierCheck {
    /// Folded, without repetitions, in the order of first mention.
    /// - Throws: `identifiers` with every fault; `malformed` for none or too many.
    static func names(_ identifiers: [Identifier], policy: AuthorityPolicy) throws(Refusal) -> [DomainName] {
        guard !identifiers.isEmpty else { throw .malformed("An order names at least one identifier.") }
        guard identifiers.count <= policy.maximumNames else {
            throw .malformed("An order names at most \(policy.maximumNames) identifiers; these are \(identifiers.count).")
        }
        var names: [DomainName] = []
        var seen: Set<DomainName> = []
        var faults: [IdentifierFault] = []
        for identifier in identifiers {
            switch name(identifier, policy) {
            case .success(let name): if seen.insert(name).inserted { names.append(name) }
            case .failure(let fault): faults.append(fault)
            }
        }
        guard faults.isEmpty else { throw .identifiers(faults) }
        return names
    }

    private static func name(_ identifier: Identifier, _ policy: AuthorityPolicy) -> Result<DomainName, IdentifierFault> {
        guard identifier.type == "dns" else {
            return .failure(IdentifierFault(identifier, .unsupported, "identifiers of this type are not served; only dns is."))
        }
        let name: DomainName
        do { name = try DomainName(identifier.value) } catch {
            return .failure(IdentifierFault(identifier, .malformed, error.reason))
        }
        guard policy.permits(name) else {
            return .failure(IdentifierFault(identifier, .rejected, "this authority certifies no names of this domain."))
        }
        return .success(name)
    }
}

extension IdentifierFault: Error {}
