public import ACME

public import struct Foundation.Date

extension ACMEClient {
    /// The directory, and what time it is at the server by its Date header, to the second (RFC 9110 section 6.6.1); nil if it sent none.
    public func look() async throws(ACMEClientError) -> (directory: Directory, date: Date?) {
        let directory = try await directory()
        let answer = try await get(directoryURL, waits: false)
        return (directory, answer.wire.values("date").first.flatMap(httpDate))
    }
}
