internal import ACME
internal import DNS

/// RFC 8555 section 8.4: any one TXT record suffices, whatever stands beside it.
struct DNS01: ChallengeValidator {
    static let type = ChallengeType.dns01
    let reach: Reach

    func evidence(for attempt: Attempt) async throws(Problem) -> Evidence {
        let name = "_acme-challenge.\(attempt.name)"
        let remedy = "Publish a TXT record at \(name) with the digest of the key authorization (43 characters)."
        let records: [[UInt8]]
        do {
            records = try await reach.txt(name)
        } catch {
            throw Problem(.dns, 400, "The TXT records of \(name) could not be looked up: \(error.reason). \(remedy)")
        }
        let expected = Array(attempt.keyAuthorization.dnsValue.utf8)
        guard records.contains(expected) else {
            let lengths = records.prefix(8).map { "\($0.count)" }.joined(separator: ", ")
            throw Problem(
                .incorrectResponse, 403,
                "\(name) has \(records.count) TXT record\(records.count == 1 ? "" : "s") (of \(lengths) bytes), none with the expected value. \(remedy)"
            )
        }
        return Evidence(address: nil, summary: "a TXT record of \(name) holds the digest (\(records.count) found)")
    }
}
