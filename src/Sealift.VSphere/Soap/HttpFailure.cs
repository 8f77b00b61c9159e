namespace Sealift.VSphere;

/// <summary>What it means that a request over HTTP failed: whether it was sent at all, and so whether it may have been carried out.</summary>
internal static class HttpFailure
{
    /// <summary>The error to be thrown.</summary>
    /// <param name="failure">What was thrown: by the connection, or by a limit of time other than the caller's own.</param>
    /// <param name="attempt">What was attempted.</param>
    /// <param name="subject">What errors name.</param>
    /// <param name="isOverdue">Whether the deadline for the answer has passed.</param>
    /// <param name="deadline">That deadline.</param>
    /// <param name="options">The limits of the connection.</param>
    /// <param name="refusedCertificate">Why the certificate was refused; null where it was not.</param>
    public static VSphereException Of(Exception failure, string attempt, string subject, bool isOverdue, TimeSpan deadline, VSphereOptions options, string? refusedCertificate) => failure switch
    {
        OperationCanceledException when isOverdue => VSphereErrors.Lost(attempt, subject, $"no answer within {deadline.TotalSeconds:0} seconds", failure),
        // The handler's own limit.
        OperationCanceledException => VSphereErrors.Unreachable(attempt, subject, $"not connected within {options.ConnectDeadline.TotalSeconds:0} seconds", failure),
        ObjectDisposedException => VSphereErrors.Closed(attempt, subject),
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => VSphereErrors.NotTrusted(attempt, subject, refusedCertificate ?? $"no secure connection: {(failure.InnerException ?? failure).Message}", failure),
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError } => VSphereErrors.Unreachable(attempt, subject, failure.Message, failure),
        HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded } => VSphereErrors.NotUnderstood(attempt, subject, failure.Message, failure),
        _ => VSphereErrors.Lost(attempt, subject, $"the connection was lost: {failure.Message}", failure),
    };
}
