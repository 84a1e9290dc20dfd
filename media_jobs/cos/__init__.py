"""The engine on Tencent Cloud: COS for storage, CI for processing.  Nothing else imports qcloud_cos."""
