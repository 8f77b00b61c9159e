namespace Sealift.Bench.Copies;

/// <summary>One run.</summary>
/// <param name="Seconds">From its start to its end; the limit where it did not end.</param>
/// <param name="PeakBytes">The most memory that its largest process held (ru_maxrss).</param>
/// <param name="Output">Its standard output.</param>
/// <param name="StartedAt">When it started, in seconds since 1970.</param>
/// <param name="Ended">Whether it ended within its limit.</param>
internal sealed record Run(double Seconds, long PeakBytes, string Output, double StartedAt, bool Ended = true);
