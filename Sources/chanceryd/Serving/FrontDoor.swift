import Foundation
import Logging
import Validation
import Web

extension TrustedProxies {
    /// What the operator chose.
    /// - Throws: `NotARange`; not after the settings were found to be in order.
    init(_ settings: Settings) throws(NotARange) {
        var ranges: [AddressRange] = []
        for text in settings.trustedProxies { ranges.append(try AddressRange(text)) }
        let field: Field =
            switch settings.forwardedHeader {
            case .off: .none
            case .forwarded: .forwarded
            case .xForwarded: .xForwardedFor
            }
        self.init(ranges, field: field, expectsProxyHeader: settings.proxyProtocol == .on)
    }
}

/// Raises the process's limit of open files as far as it may, and says how many connections that leaves to each listener.
func connectionLimit(_ wanted: Int, _ logger: Logger) -> Int {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return wanted }
    if limit.rlim_cur < limit.rlim_max {
        var raised = limit
        raised.rlim_cur = limit.rlim_max
        if setrlimit(resource, &raised) == 0 { limit = raised }
    }
    // The store, the log, validations on their way out.
    let left = max(16, (Int(clamping: limit.rlim_cur) - 512) / 2)
    if left < wanted {
        logger.warning(
            "fewer connections than wanted: the system grants too few file descriptors",
            metadata: [
                "max-connections": "\(wanted)", "possible": "\(left)",
                "remedy": "raise LimitNOFILE= (ulimit -Hn) or lower max-connections",
            ])
    }
    return min(left, wanted)
}
