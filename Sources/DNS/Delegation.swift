/// The zone that holds a name, and the servers that answer for it.
package struct Delegation: Sendable, Equatable {
    /// Without the last dot.
    package let zone: String
    /// Names of servers, sorted, lower case.
    package let servers: [String]
}

/// What one server of a zone says about a name.
package enum AuthoritativeAnswer: Sendable, Equatable {
    /// Sorted by their text; perhaps none.
    case addresses([IPAddress])
    /// The name is another name for this one.
    case alias(String)
}

extension Resolver {
    /// Keys of the DNS's root (IANA): KSK-2017 and KSK-2024.
    package static let rootAnchors = [
        ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
        ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
    ]

    /// The nearest zone above a name, or at it, that has name servers.
    /// - Throws: `noData` if there is none below the root; what a lookup throws.
    package func delegation(of name: String) async throws(LookupFailure) -> Delegation {
        var labels = name.split(separator: ".")
        while !labels.isEmpty {
            let zone = labels.joined(separator: ".")
            do throws(LookupFailure) {
                let servers = try await names(zone, .ns)
                if !servers.isEmpty { return Delegation(zone: zone, servers: Set(servers).sorted()) }
            } catch {
                guard error.kind == .noData || error.kind == .noSuchName else { throw error }
            }
            labels.removeFirst()
        }
        throw LookupFailure(.noData, name: name, type: "NS", reason: "no zone above it has name servers")
    }

    /// What this server itself says, as one of a zone does. Another name is not followed.
    /// - Throws: also where it does not answer for the zone.
    package func own(_ name: String) async throws(LookupFailure) -> AuthoritativeAnswer {
        do throws(LookupFailure) {
            if let other = try await names(name, .cname).first { return .alias(other) }
        } catch {
            guard error.kind == .noData else { throw error }
        }
        do throws(LookupFailure) {
            return .addresses(try await addresses(of: name).sorted { $0.description < $1.description })
        } catch {
            guard error.kind == .noData else { throw error }
            return .addresses([])
        }
    }

    /// Whether answers below the anchors can be checked through these servers: the root's own can.
    package func canCheckSignatures() async -> Bool {
        if case .success = await ask(".", [.ns])[0] { true } else { false }
    }

    private func names(_ name: String, _ type: RecordType) async throws(LookupFailure) -> [String] {
        try await ask(name, [type])[0].get().compactMap(Self.name)
    }

    /// A name as it stands in a record, uncompressed (RFC 1035 section 3.3); nil for what is none, or has bytes that no host name has.
    static func name(_ record: [UInt8]) -> String? {
        var (rest, labels) = (record[...], [String]())
        while let length = rest.popFirst() {
            if length == 0 { return rest.isEmpty ? labels.joined(separator: ".") : nil }
            guard length < 64, rest.count >= Int(length), labels.count < 128 else { return nil }
            let label = rest.prefix(Int(length))
            guard label.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "\\") }) else {
                return nil
            }
            labels.append(String(decoding: label, as: UTF8.self).lowercased())
            rest = rest.dropFirst(Int(length))
        }
        return nil
    }
}
