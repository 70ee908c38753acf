extension LoadedSettings {
    /// What only makes sense with proxies that are named.
    var proxyFaults: [SettingsFault] {
        var faults: [SettingsFault] = []
        let needing = [
            ("plain-listen", settings.plainListen != nil), ("forwarded-header", settings.forwardedHeader != .off),
            ("proxy-protocol", settings.proxyProtocol == .on),
        ]
        if settings.trustedProxies.isEmpty {
            for (name, isSet) in needing where isSet {
                faults.append(
                    SettingsFault(
                        place: place(name), message: "\(name) without trusted-proxies",
                        remedy: "name the proxies, such as trusted-proxies: [127.0.0.1], or remove \(name)"))
            }
        }
        if settings.plainListen != nil, settings.externalURL == nil {
            faults.append(
                SettingsFault(
                    place: place("plain-listen"), message: "plain-listen without external-url",
                    remedy: "set external-url to the URL under which clients reach the proxy, such as https://ca.example.org"))
        }
        return faults
    }
}
