using System.Globalization;

namespace Sealift.Bench.Copies;

/// <summary>What a figure should be.</summary>
/// <param name="Bound">The bound, which the median must not cross.</param>
/// <param name="AtLeast">Whether it must be at least that, and not at most.</param>
/// <param name="Unit">What follows the number: × for a ratio.</param>
internal sealed record Goal(double Bound, bool AtLeast = false, string Unit = " ×")
{
    public bool Holds(double value) => AtLeast ? value >= Bound : value <= Bound;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(AtLeast ? "≥" : "≤")} {Bound}{Unit}");
}
