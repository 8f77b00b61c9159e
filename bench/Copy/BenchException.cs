namespace Sealift.Bench.Copies;

/// <summary>A run failed, or its result is wrong: the row has no figures, and the command fails.</summary>
internal sealed class BenchException(string message) : Exception(message);
