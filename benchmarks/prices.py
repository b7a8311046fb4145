"""The list prices that figures are computed with."""

from __future__ import annotations

REGION = "us-east-1"
MONTH_HOURS = 730
GIGABYTE = 1e9

DOLLARS = {
    "dynamodb.write_unit": 0.625e-6,  # a write of up to 1 KB
    "dynamodb.read_unit": 0.125e-6,  # a consistent read of up to 4 KB; an eventually consistent one is half
    "s3.write_request": 5.0e-6,  # PUT, COPY, POST, LIST: $0.005 a thousand
    "s3.read_request": 0.4e-6,  # GET, HEAD and all others; DELETE is free
    "sqs.request": 0.4e-6,  # each 64 KB of a standard queue's requests
    "sns.publish": 0.5e-6,  # each 64 KB; deliveries to SQS and Lambda are free
    "lambda.gigabyte_second": 13.3334e-6,  # arm64, the first tier
    "lambda.request": 0.2e-6,
    "cloudwatch.log_gigabyte": 0.50,  # ingested, standard class
    "cloudwatch.metric_month": 0.30,  # a custom metric, by the hours in which it was published
    "cloudwatch.alarm_month": 0.10,  # standard resolution, a metric
    "secretsmanager.secret_month": 0.40,
    "kms.request": 3.0e-6,  # $0.03 for 10,000; the account's own keys themselves cost nothing
    "transfer.out_gigabyte": 0.09,  # to the internet
}
"""AWS list prices in us-east-1 (N. Virginia), in US dollars, without any free tier. Noted on 2026-11-25 from AWS's
pricing pages and, if those show no figure without a script, from others who quote them. DynamoDB's prices are on
demand, standard table class, since the price cut of November 2024. Other regions differ: eu-central-1 is up to about a
fifth dearer."""
