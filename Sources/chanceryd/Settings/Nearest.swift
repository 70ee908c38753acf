/// The candidate with the fewest edits (insert, delete, replace, swap of neighbours), if they are few for the word's length.
func nearest(to word: String, among candidates: [String]) -> String? {
    guard word.count <= 64 else { return nil }
    let best = candidates.map { (name: $0, distance: editDistance(word, $0)) }.min { $0.distance < $1.distance }
    guard let best, best.distance <= max(1, min(4, word.count / 3)) else { return nil }
    return best.name
}

/// Optimal string alignment distance; quadratic, so callers bound the lengths.
func editDistance(_ one: String, _ two: String) -> Int {
    let a = Array(one.lowercased())
    let b = Array(two.lowercased())
    guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
    var before = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
        var row = [i] + [Int](repeating: 0, count: b.count)
        for j in 1...b.count {
            row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { row[j] = min(row[j], before[j - 2] + 1) }
        }
        before = last
        last = row
    }
    return last[b.count]
}
