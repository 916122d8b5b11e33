// Package objects keeps files in S3. It is the only package that knows S3.
package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"seatmeter/shared/export"
)

// Store is a bucket.
type Store struct {
	api    *s3.Client
	signer *s3.PresignClient
	bucket string
}

var _ export.Objects = (*Store)(nil)

// New opens a bucket. Calls are repeated as the SDK sees fit; a link is signed
// with the configuration's credentials, and good no longer than they are.
func New(cfg aws.Config, bucket string) *Store {
	api := s3.NewFromConfig(cfg)
	return &Store{api: api, signer: s3.NewPresignClient(api), bucket: bucket}
}

// Begin implements export.Objects by a multipart upload.
func (s *Store) Begin(ctx context.Context, o export.Object) (export.Upload, error) {
	out, err := s.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &o.Key, ContentType: &o.ContentType, ContentDisposition: &o.Disposition,
	})
	if err != nil {
		return nil, fmt.Errorf("create multipart upload: %w", err)
	}
	return &upload{store: s, key: o.Key, id: out.UploadId}, nil
}

// Link implements export.Objects by a presigned GET. It makes no call.
func (s *Store) Link(ctx context.Context, key string, validity time.Duration) (string, error) {
	signed, err := s.signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}, s3.WithPresignExpires(validity))
	if err != nil {
		return "", fmt.Errorf("presign: %w", err)
	}
	return signed.URL, nil
}

// upload is a multipart upload.
type upload struct {
	store *Store
	key   string
	id    *string
	parts []types.CompletedPart
}

// Put implements export.Upload.
func (u *upload) Put(ctx context.Context, number int, part []byte) error {
	n := aws.Int32(int32(number)) //nolint:gosec // S3 refuses more than 10,000
	out, err := u.store.api.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.store.bucket, Key: &u.key, UploadId: u.id, PartNumber: n, Body: bytes.NewReader(part),
	})
	if err != nil {
		return fmt.Errorf("upload part: %w", err)
	}
	u.parts = append(u.parts, types.CompletedPart{PartNumber: n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
	return nil
}

// Complete implements export.Upload.
func (u *upload) Complete(ctx context.Context) error {
	_, err := u.store.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.store.bucket, Key: &u.key, UploadId: u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	if err != nil {
		return fmt.Errorf("complete multipart upload: %w", err)
	}
	return nil
}

// Abort implements export.Upload. An upload that is gone is aborted.
func (u *upload) Abort(ctx context.Context) error {
	_, err := u.store.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &u.store.bucket, Key: &u.key, UploadId: u.id,
	})
	if _, gone := errors.AsType[*types.NoSuchUpload](err); err != nil && !gone {
		return fmt.Errorf("abort multipart upload: %w", err)
	}
	return nil
}
