import PKIX

/// A DER element taken apart, to be put together wrongly.
struct Element {
    var tag: UInt8
    var content: [UInt8]
    /// Of constructed elements, and of OCTET STRINGs that hold elements.
    var children: [Element]?

    var der: [UInt8] { DER.element(tag, children?.flatMap(\.der) ?? content) }

    init?(_ der: [UInt8]) {
        guard let elements = Self.all(in: der), elements.count == 1 else { return nil }
        self = elements[0]
    }
    private init(tag: UInt8, content: [UInt8]) {
        (self.tag, self.content) = (tag, content)
        if tag & 0x20 != 0 || tag == 0x04 { children = Self.all(in: content) }
    }

    private static func all(in bytes: [UInt8]) -> [Element]? {
        var (rest, elements) = (bytes[...], [Element]())
        while rest.count >= 2 {
            let tag = rest.removeFirst()
            var length = Int(rest.removeFirst())
            if length > 0x80 {
                guard length <= 0x84, rest.count >= length - 0x80 else { return nil }
                let octets = rest.prefix(length - 0x80)
                rest = rest.dropFirst(octets.count)
                length = octets.reduce(0) { $0 << 8 | Int($1) }
            }
            guard rest.count >= length else { return nil }
            elements.append(Element(tag: tag, content: Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        return rest.isEmpty ? elements : nil
    }

    /// This element with one of the elements in it, each in turn, changed.
    func variants(_ change: (Element) -> Element) -> [Element] {
        var found = [change(self)]
        for (index, child) in (children ?? []).enumerated() {
            for variant in child.variants(change) {
                var copy = self
                copy.children?[index] = variant
                found.append(copy)
            }
        }
        return found
    }
    var emptied: Element {
        var copy = self
        (copy.content, copy.children) = ([], nil)
        return copy
    }
    var doubled: Element {
        var copy = self
        if let children { copy.children = children + children } else { copy.content += copy.content }
        return copy
    }
}

/// The bytes with one element changed for another, and the lengths around it put right.
func replacing(_ old: [UInt8], by new: [UInt8], in bytes: [UInt8]) -> [UInt8] {
    let variants = Element(bytes)?.variants { $0.der == old ? (Element(new) ?? $0) : $0 } ?? []
    return variants.map(\.der).first { $0 != bytes } ?? bytes
}
