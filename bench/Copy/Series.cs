namespace Sealift.Bench.Copies;

/// <summary>Figures of the same thing, measured several times.</summary>
internal sealed record Series(IReadOnlyList<double> Values)
{
    public double Median
    {
        get
        {
            var sorted = Values.Order().ToList();
            return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
        }
    }

    public double Least => Values.Min();

    public double Most => Values.Max();

    /// <summary>The median, and in brackets the least and the most.</summary>
    /// <param name="form">How each number is written.</param>
    public string Text(Func<double, string> form) => Values.Count == 1 ? form(Values[0]) : $"{form(Median)} ({form(Least)}–{form(Most)})";
}
