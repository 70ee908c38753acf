extension ACMEAccount {
    /// The chain that the CA prefers, then its alternates (RFC 8555 section 7.4.2). Where the CA answers with one certificate
    /// alone, its `up` links are followed to the issuers (section 9.1), to a chain of 10 at most.
    /// - Parameters:
    ///   - url: the order's `certificate`.
    ///   - alternates: how many of them are fetched at most, however many there are.
    /// - Throws: `badChain` if the first is none; an alternate or an issuer that fails is left out.
    public func chains(_ url: String, alternates: Int = 4) async throws(ACMEClientError) -> [CertificateChain] {
        let first = try await fetch(url, accept: Self.chainType)
        var chains = [try await completed(first)]
        for alternate in first.links("alternate", limit: max(0, alternates)) {
            guard let answer = try? await fetch(alternate, accept: Self.chainType), let chain = try? await completed(answer)
            else { continue }
            chains.append(chain)
        }
        return chains
    }

    private static let chainType = "application/pem-certificate-chain"

    private func completed(_ answer: Answer) async throws(ACMEClientError) -> CertificateChain {
        let chain = try CertificateChain(answer)
        guard chain.certificates.count == 1 else { return chain }
        var (certificates, last, seen) = (chain.certificates, answer, Set([answer.url]))
        while let up = last.links("up", limit: 1).first, seen.insert(up).inserted, seen.count <= CertificateChain.longest {
            guard let next = await issuer(up), let part = try? CertificateChain(next) else { break }
            let new = part.certificates.filter { !certificates.contains($0) }
            guard !new.isEmpty, certificates.count + new.count <= CertificateChain.longest else { break }
            certificates += new
            last = next
        }
        return CertificateChain(certificates, url: chain.url)
    }

    /// By POST-as-GET like every resource of the CA; some serve issuers to a plain GET alone.
    private func issuer(_ url: String) async -> Answer? {
        if let answer = try? await fetch(url, accept: Self.chainType) { return answer }
        return try? await client.get(url, accept: Self.chainType)
    }
}
